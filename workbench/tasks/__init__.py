"""What a model is asked in context: tasks, one small file for each family."""
