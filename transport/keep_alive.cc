#include "transport/keep_alive.h"

#include <algorithm>
#include <utility>

#include "transport/replies.h"
#include "transport/uninterrupted.h"

namespace hotlap::transport {
namespace {

constexpr int kQueue = 16;  // pings and acknowledgements

}  // namespace

KeepAlive::KeepAlive(zmq::context_t& context, const KeepAliveSettings& settings)
    : settings_(settings) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  // While the server is away, pings are dropped instead of piled up.
  socket.set(zmq::sockopt::sndhwm, kQueue);
  socket.set(zmq::sockopt::ipv6, IsIpv6(settings.endpoint));
  if (settings.keys) UseKeys(socket, *settings.keys);
  Uninterrupted([&] { socket.connect(settings.endpoint); });
  thread_ = std::thread([this, socket = std::move(socket)]() mutable { Run(socket); });
}

KeepAlive::~KeepAlive() {
  stopping_.store(true);
  wakeup_.Wake();
  thread_.join();
}

void KeepAlive::SetServerIsLost(bool is_lost) {
  if (server_is_lost_.exchange(is_lost) == is_lost) return;
  if (is_lost) {
    lost_.Wake();
  } else {
    lost_.Take();
  }
}

void KeepAlive::Run(zmq::socket_t& socket) {
  Clock::duration silence{0};
  Clock::time_point last_turn = Clock::now();
  while (!stopping_.load()) {
    bool is_heard = was_heard_.exchange(false, std::memory_order_relaxed);
    if (!is_heard || settings_.on_event) Ping(socket);
    const Deadline next_turn = DeadlineIn(settings_.interval);
    do {
      zmq::pollitem_t items[] = {{socket.handle(), 0, ZMQ_POLLIN, 0},
                                 {nullptr, wakeup_.fd(), ZMQ_POLLIN, 0}};
      Poll(items, next_turn);
      zmq::message_t message;
      while (!stopping_.load() && ReceiveFrame(socket, message)) {
        if (message.more()) continue;
        is_heard = true;
        SetServerIsLost(false);
        Take(socket, message);
      }
    } while (!stopping_.load() && Clock::now() < next_turn);
    // A turn that took longer was this process's own absence, which says nothing of the server.
    const Clock::time_point now = Clock::now();
    const Clock::duration passed =
        std::min<Clock::duration>(now - std::exchange(last_turn, now), 2 * settings_.interval);
    silence = is_heard ? Clock::duration(0) : silence + passed;
    SetServerIsLost(silence >= settings_.timeout - settings_.interval);
  }
}

void KeepAlive::Ping(zmq::socket_t& socket) {
  Request ping;
  ping.operation = settings_.on_event ? Operation::kListen : Operation::kPing;
  ping.id = ++last_ping_;
  ping.round_trip_us = std::exchange(round_trip_us_, std::nullopt);
  pinged_at_ = Clock::now();
  Send(socket, ping);
}

void KeepAlive::Take(zmq::socket_t& socket, const zmq::message_t& message) {
  if (const auto event = DecodeEvent(BytesOf(message))) {
    if (event->mode != DeliveryMode::kNone) {
      Request ack;
      ack.operation = Operation::kAck;
      ack.event = event->number;
      Send(socket, ack);
    }
    if (settings_.on_event && settings_.seen->Add(event->number)) settings_.on_event(event->event);
    return;
  }
  const auto reply = DecodeReplyStatus(BytesOf(message));
  if (!reply) return;
  if (reply->status == Status::kInvalidKey) session_is_lost_.store(true);
  if (reply->id != last_ping_ || reply->status != Status::kOk) return;
  const auto waited =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - pinged_at_);
  round_trip_us_ = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(waited.count(), 0, std::int64_t{UINT32_MAX}));
}

void KeepAlive::Send(zmq::socket_t& socket, const Request& request) {
  Request sent = request;
  sent.token = settings_.token;
  const std::string header = EncodeRequest(sent);
  SendFrame(socket, zmq::message_t(header.data(), header.size()), false);
}

}  // namespace hotlap::transport
