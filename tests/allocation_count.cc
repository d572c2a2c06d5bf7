#include "tests/allocation_count.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> g_of_all{0}, g_aligned{0};
thread_local long g_of_thread = 0;

}  // namespace

// ThreadSanitizer knows by the caller what libzmq takes and gives back (tests/tsan.supp), and
// behind operators of our own every caller is us.
#if !defined(__SANITIZE_THREAD__)
namespace {

void Count() noexcept {
  g_of_all.fetch_add(1, std::memory_order_relaxed);
  ++g_of_thread;
}
void* Allocate(std::size_t size) noexcept {
  Count();
  return std::malloc(size == 0 ? 1 : size);
}
void* Allocate(std::size_t size, std::align_val_t align) noexcept {
  Count();
  g_aligned.fetch_add(1, std::memory_order_relaxed);
  void* memory = nullptr;
  return posix_memalign(&memory, static_cast<std::size_t>(align), size == 0 ? 1 : size) == 0
             ? memory
             : nullptr;
}
void* OrThrow(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

using std::align_val_t, std::nothrow_t, std::size_t;
void* operator new(size_t size) { return OrThrow(Allocate(size)); }
void* operator new[](size_t size) { return OrThrow(Allocate(size)); }
void* operator new(size_t size, align_val_t align) { return OrThrow(Allocate(size, align)); }
void* operator new[](size_t size, align_val_t align) { return OrThrow(Allocate(size, align)); }
void* operator new(size_t size, const nothrow_t&) noexcept { return Allocate(size); }
void* operator new[](size_t size, const nothrow_t&) noexcept { return Allocate(size); }
void* operator new(size_t size, align_val_t align, const nothrow_t&) noexcept {
  return Allocate(size, align);
}
void* operator new[](size_t size, align_val_t align, const nothrow_t&) noexcept {
  return Allocate(size, align);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, align_val_t) noexcept { std::free(memory); }
#endif

namespace hotlap {

long NumAllocations() { return g_of_all.load(std::memory_order_relaxed); }
long NumAllocationsOfThread() { return g_of_thread; }
long NumAlignedAllocations() { return g_aligned.load(std::memory_order_relaxed); }

}  // namespace hotlap
