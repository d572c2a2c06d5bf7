#include "tests/allocation_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> g_of_all{0};
thread_local long g_of_thread = 0;

}  // namespace

// ThreadSanitizer knows by the caller what libzmq takes and gives back (tests/tsan.supp), and
// behind operators of our own every caller is us.
#if !defined(__SANITIZE_THREAD__)
namespace {

void* Allocate(std::size_t size) noexcept {
  g_of_all.fetch_add(1, std::memory_order_relaxed);
  ++g_of_thread;
  return std::malloc(size == 0 ? 1 : size);
}
void* AllocateOrThrow(std::size_t size) {
  if (void* memory = Allocate(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return AllocateOrThrow(size); }
void* operator new[](std::size_t size) { return AllocateOrThrow(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace hotlap {

long NumAllocations() { return g_of_all.load(std::memory_order_relaxed); }
long NumAllocationsOfThread() { return g_of_thread; }

}  // namespace hotlap
