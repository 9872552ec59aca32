"""One file with everything in it, for llama.cpp, Ollama and LM Studio."""
