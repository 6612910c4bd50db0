"""The engine's side of the plugin for DAWs: a server, and a process for every plugin that plays."""
