"""The workshop: generator, data sets, training, evaluation and export. Run from the checkout."""
