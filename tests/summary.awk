# What ctest does not tell of a program of tests that ran in parts: from its log, how many tests there were, and which were skipped.
# Fails when these programs ran none at all.
#   awk -f tests/summary.awk build/release/Testing/Temporary/LastTest.log
/^\[  SKIPPED \] [^ ]+\.[^ ]+$/ { print "skipped:", $4 }
/^\[  PASSED  \] / { passed += $4 }
/^\[  FAILED  \] [0-9]+ test/ { failed += $4 }
/^\[==========\] .* ran\./ { ran = 1 }
END {
  printf "%d tests of C++ passed, %d failed\n", passed, failed
  exit ran && !passed && !failed
}
