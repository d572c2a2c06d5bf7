// Sets the floating-point environment that trajectories are defined in (round to nearest, denormals
// kept) and puts the caller's back at the end of the scope: a learner's libraries do change it.
// Every public entry of env that computes holds one. Costs a few nanoseconds when nothing has to
// change.
#pragma once

#include <cstdint>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#define HOTLAP_HAS_MXCSR 1
#elif defined(__aarch64__) && defined(__GNUC__)
#define HOTLAP_HAS_FPCR 1
#endif

namespace hotlap::sim {

class FloatingPointGuard {
 public:
  FloatingPointGuard() : saved_(Read()) {
    if (saved_ != Wanted(saved_)) Write(Wanted(saved_));
  }
  ~FloatingPointGuard() {
    // Exception flags raised inside are not the caller's business either.
    if (Read() != saved_) Write(saved_);
  }
  FloatingPointGuard(const FloatingPointGuard&) = delete;
  FloatingPointGuard& operator=(const FloatingPointGuard&) = delete;

 private:
#if defined(HOTLAP_HAS_MXCSR)
  using Register = unsigned int;
  static Register Read() {
    KeepOrder();
    return _mm_getcsr();
  }
  // Loads and stores of the guarded work stay inside the scope.
  static void KeepOrder() {
#if defined(__GNUC__)
    asm volatile("" : : : "memory");
#endif
  }
  static void Write(Register value) {
    _mm_setcsr(value);
    KeepOrder();
  }
  // All exceptions masked, no flush-to-zero (bit 15), no denormals-are-zero (bit 6), rounding (bits
  // 13-14) to nearest; the sticky flags (bits 0-5) as they are.
  static Register Wanted(Register value) { return (value & 0x3Fu) | 0x1F80u; }
#elif defined(HOTLAP_HAS_FPCR)
  using Register = std::uint64_t;
  static Register Read() {
    Register value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void Write(Register value) { asm volatile("msr fpcr, %0" : : "r"(value) : "memory"); }
  static Register Wanted(Register) { return 0; }
#else
  using Register = int;
  static Register Read() { return 0; }
  static void Write(Register) {}
  static Register Wanted(Register value) { return value; }
#endif
  const Register saved_;
};

}  // namespace hotlap::sim
