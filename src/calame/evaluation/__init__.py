"""What the model is: losses by slice, questions with known answers, samples."""
