"""What is asked and answered: state, programs, solutions, and what proves them."""
