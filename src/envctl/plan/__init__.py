"""What is wanted against what is there: the plan, as a pure function with laws."""
