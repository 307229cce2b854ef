"""Where settings come from: arguments, the environment and the shared config files; from them endpoint and proxy."""
