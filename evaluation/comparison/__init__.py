"""Two versions of a prompt held against each other on the calls they answered: like with like, or not at all."""
