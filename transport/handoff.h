// What ZeroMQ guarantees and ThreadSanitizer cannot see, because Debian's libzmq is not
// instrumented: what was written to a message before it was sent is seen by who received it, also
// when both are threads of one process.
#pragma once

#include <zmq.hpp>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace hotlap::transport {

// Call on memory about to be handed to ZeroMQ.
inline void HandOver([[maybe_unused]] const void* memory) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(const_cast<void*>(memory));
#endif
}
inline void HandOver(const zmq::message_t& message) { HandOver(message.data()); }

// Call on memory that ZeroMQ has just given (back).
inline void TakeOver([[maybe_unused]] const void* memory) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(const_cast<void*>(memory));
#endif
}
inline void TakeOver(const zmq::message_t& message) { TakeOver(message.data()); }

}  // namespace hotlap::transport
