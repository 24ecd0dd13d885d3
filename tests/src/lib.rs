//! Tests of the whole server: the plays of `tests/plays` and of the modules' folders.
