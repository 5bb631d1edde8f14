"""What a result card of others proves: checks against the task, the method, the split and its predictions."""
