//! Tests of the whole product: see `tests/README.md`. The library is empty; the tests are in `tests/tests`.
