#include "transport/reply.h"

#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "transport/handoff.h"

namespace hotlap::transport {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr std::size_t kInsideMessage = 33;  // what libzmq stores without an allocation

void ReleaseBuffer(void*, void* buffer) {
  TakeOver(buffer);
  static_cast<ReplyBuffer*>(buffer)->Release();
}

}  // namespace

ReplyBuffer* ReplyBuffer::New(std::size_t bytes) {
  auto* data = static_cast<std::byte*>(::operator new(bytes, kAlignment));
  return new ReplyBuffer(data, bytes);
}

void ReplyBuffer::Release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  ::operator delete(data_, kAlignment);
  delete this;
}

zmq::message_t ReplyBuffer::Message(std::byte* begin, std::size_t bytes) {
  assert(begin >= data_ && begin + bytes <= data_ + size_);
  if (bytes <= kInsideMessage) return zmq::message_t(begin, bytes);
  references_.fetch_add(1, std::memory_order_relaxed);
  HandOver(this);
  return zmq::message_t(begin, bytes, ReleaseBuffer, this);
}

ReplyRing::ReplyRing(int window, std::size_t bytes)
    : bytes_(bytes), buffers_(2 * static_cast<std::size_t>(window) + 1) {}

ReplyRing::~ReplyRing() {
  for (ReplyBuffer* buffer : buffers_) {
    if (buffer != nullptr) buffer->Release();
  }
}

ReplyBuffer& ReplyRing::Next() {
  for (ReplyBuffer*& buffer : buffers_) {
    if (buffer == nullptr) buffer = ReplyBuffer::New(bytes_);
    if (!buffer->held_elsewhere()) return *buffer;
  }
  ReplyBuffer* const buffer = ReplyBuffer::New(bytes_);
  std::exchange(buffers_[replaced_], buffer)->Release();
  replaced_ = (replaced_ + 1) % buffers_.size();
  return *buffer;
}

Reply Reply::HeaderOnly(const std::string& header) {
  Reply reply;
  reply.frames.emplace_back(header.data(), header.size());
  return reply;
}

std::size_t Reply::bytes() const {
  std::size_t bytes = 0;
  for (const zmq::message_t& frame : frames) bytes += frame.size();
  return bytes;
}

Reply Reply::Of(std::uint64_t id, const Refusal& refusal) {
  Reply reply = HeaderOnly(EncodeReply({id, refusal.status, refusal.text}));
  reply.status = refusal.status;
  return reply;
}

Reply Reply::Share() {
  Reply shared;
  shared.status = status;
  shared.frames.resize(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) shared.frames[i].copy(frames[i]);
  return shared;
}

}  // namespace hotlap::transport
