/*
 * testing.h - what every test program shares.
 *
 * A test file is a program: tests, one `static Suite *x_suite(void)`, and
 * STC_TEST_MAIN(x_suite) at the end. It runs from the root of the tree and
 * prints Check's closing line.
 */
#ifndef STC_TESTS_TESTING_H
#define STC_TESTS_TESTING_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/arena.h"
#include "sim/base/err.h"

#define STC_TEST_MAIN(suite_fn)                      \
 int main(void)                                      \
 {                                                   \
  SRunner *runner_ = srunner_create(suite_fn());     \
  srunner_run_all(runner_, CK_ENV);                  \
  int failed_ = srunner_ntests_failed(runner_);      \
  srunner_free(runner_);                             \
  return failed_ == 0 ? EXIT_SUCCESS : EXIT_FAILURE; \
 }

/* Runs body (an expression of enum stc_err) with the arena's cap raised step by
 * step until it no longer runs out of memory. Every earlier try must give
 * STC_ERR_NOMEM and leak nothing (ASan watches). */
#define STC_EACH_CAP(a, err, body)                                         \
 do {                                                                      \
  for ((a)->cap_bytes = 64;; (a)->cap_bytes += (a)->cap_bytes / 16 + 64) { \
   stc_arena_reset((a));                                                   \
   (err) = (body);                                                         \
   if ((err) != STC_ERR_NOMEM) break;                                      \
   ck_assert_uint_lt((a)->cap_bytes, (size_t)1 << 32);                     \
  }                                                                        \
  (a)->cap_bytes = 0;                                                      \
 } while (0)

/* got is within rel of want (relative to want; absolute when want is 0). */
#define stc_assert_near(got, want, rel)                                            \
 do {                                                                              \
  double got_ = (got), want_ = (want);                                             \
  double tol_ = (rel) * (want_ == 0.0 ? 1.0 : fabs(want_));                        \
  ck_assert_msg(fabs(got_ - want_) <= tol_,                                        \
                "%s: got %.17g, want %.17g within %g relative", #got, got_, want_, \
                (double)(rel));                                                    \
 } while (0)

/* The call must succeed; its sentence is shown when it does not. */
#define stc_assert_ok(call, diag)                                         \
 do {                                                                     \
  enum stc_err err_ = (call);                                             \
  ck_assert_msg(err_ == STC_OK, "%s: %s (%s)", #call, stc_err_text(err_), \
                (diag)->text);                                            \
 } while (0)

/* The call must fail with that code, and the sentence must hold the words. */
#define stc_assert_fails(call, code, diag, words)                                 \
 do {                                                                             \
  enum stc_err err_ = (call);                                                     \
  ck_assert_msg(err_ == (code), "%s: got \"%s\" (%s), want \"%s\"", #call,        \
                stc_err_text(err_), (diag)->text, stc_err_text(code));            \
  ck_assert_msg(strstr((diag)->text, (words)) != NULL,                            \
                "%s: \"%s\" does not hold \"%s\"", #call, (diag)->text, (words)); \
 } while (0)

#endif
