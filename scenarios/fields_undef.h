/* Forgets the row macros of fields.def after each use; no include guard on purpose. */
#undef SELF
#undef K_NAME
#undef K_INT
#undef K_REAL
#undef K_ENUM
#undef K_FINT
#undef K_FREAL
#undef K_FENUM
#undef K_I64
