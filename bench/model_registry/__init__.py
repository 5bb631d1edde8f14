"""MLflow's model registry: checkpoints as models that ``mlflow.pyfunc.load_model`` opens."""
