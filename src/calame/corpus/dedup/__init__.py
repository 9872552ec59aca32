"""What stands in the corpus more than once: equal texts, texts that nearly are, paragraphs."""
