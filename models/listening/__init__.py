"""A listening test: a page that plays and asks without telling names, and what listeners said."""
