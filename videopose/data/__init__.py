"""Training sets, augmentation and sampling."""
