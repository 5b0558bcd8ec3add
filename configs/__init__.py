"""Values: YAML files for models, training and pipelines."""
