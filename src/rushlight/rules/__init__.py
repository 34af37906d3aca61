"""What a call of the layer family means and how large its results are: integers and words only, no arrays."""
