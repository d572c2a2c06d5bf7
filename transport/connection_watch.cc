#include "transport/connection_watch.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "transport/uninterrupted.h"

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookInterval = 50ms;

// Both ends of a connection, as they are told apart from that of another one which has got the same
// file descriptor later.
struct Ends {
  sockaddr_storage local{}, remote{};
  bool operator==(const Ends& other) const { return std::memcmp(this, &other, sizeof(Ends)) == 0; }
};

// False: it is no connected TCP socket.
bool ReadEnds(int fd, Ends& ends) {
  socklen_t local_size = sizeof(ends.local), remote_size = sizeof(ends.remote);
  return getsockname(fd, reinterpret_cast<sockaddr*>(&ends.local), &local_size) == 0 &&
         getpeername(fd, reinterpret_cast<sockaddr*>(&ends.remote), &remote_size) == 0 &&
         (ends.local.ss_family == AF_INET || ends.local.ss_family == AF_INET6);
}

// That ZeroMQ has taken from the connection or may take at once; 0 where the kernel does not tell.
std::uint64_t BytesReceived(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return info.tcpi_bytes_received;
}

}  // namespace

struct ConnectionWatch::Connection {
  Ends ends;
  std::uint32_t completed = 0;  // as counted at the last look
  std::uint64_t base = 0;       // bytes received up to the last whole message
  std::uint64_t pending = 0;    // since then
};

ConnectionWatch::ConnectionWatch(zmq::context_t& context, zmq::socket_t& socket,
                                 std::uint64_t limit)
    : socket_(socket), limit_(limit) {
  static std::atomic<std::uint64_t> num_watches{0};
  const std::string endpoint = "inproc://hotlap-connections-" + std::to_string(++num_watches);
  zmq::socket_t events(context, zmq::socket_type::pair);
  events.set(zmq::sockopt::rcvhwm, 0);  // ZeroMQ would wait for whoever does not read
  events.set(zmq::sockopt::linger, 0);
  if (zmq_socket_monitor(socket_.handle(), endpoint.c_str(),
                         ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) != 0) {
    throw zmq::error_t();
  }
  Uninterrupted([&] { events.connect(endpoint); });
  thread_ = std::thread([this, events = std::move(events)]() mutable { Run(std::move(events)); });
}

ConnectionWatch::~ConnectionWatch() { Stop(); }

void ConnectionWatch::Stop() {
  if (!thread_.joinable()) return;
  zmq_socket_monitor(socket_.handle(), nullptr, 0);
  stopping_.store(true);
  wakeup_.Wake();
  thread_.join();
}

void ConnectionWatch::Complete(const zmq::message_t& frame) {
  const int fd = zmq_msg_get(frame.handle(), ZMQ_SRCFD);
  if (fd < 0) return;
  completed_[static_cast<std::size_t>(fd) % completed_.size()].fetch_add(1,
                                                                         std::memory_order_relaxed);
}

void ConnectionWatch::Run(zmq::socket_t events) {
  while (!stopping_.load()) {
    zmq::pollitem_t items[] = {{events.handle(), 0, ZMQ_POLLIN, 0},
                               {nullptr, wakeup_.fd(), ZMQ_POLLIN, 0}};
    Poll(items, connections_.empty() ? kNoDeadline : DeadlineIn(kLookInterval));
    TakeEvents(events);
    Look();
  }
}

void ConnectionWatch::TakeEvents(zmq::socket_t& events) {
  zmq::message_t event, address;
  while (ReceiveFrame(events, event) && event.more() && ReceiveFrame(events, address)) {
    std::uint16_t number = 0;
    std::uint32_t value = 0;
    std::memcpy(&number, event.data(), sizeof(number));
    std::memcpy(&value, static_cast<const char*>(event.data()) + sizeof(number), sizeof(value));
    const int fd = static_cast<int>(value);
    connections_.erase(fd);
    Connection connection;
    if (number == ZMQ_EVENT_ACCEPTED && ReadEnds(fd, connection.ends)) {
      connections_.emplace(fd, connection);
    }
  }
}

void ConnectionWatch::Look() {
  std::vector<std::pair<std::uint64_t, int>> pending;  // with the file descriptor
  std::uint64_t together = 0;
  for (auto& [fd, connection] : connections_) {
    const std::uint32_t completed =
        completed_[static_cast<std::size_t>(fd) % completed_.size()].load(
            std::memory_order_relaxed);
    const std::uint64_t received = BytesReceived(fd);
    if (std::exchange(connection.completed, completed) != completed) connection.base = received;
    connection.pending = received - std::min(received, connection.base);
    together += connection.pending;
    pending.emplace_back(connection.pending, fd);
  }
  std::ranges::sort(pending, std::greater{});
  for (const auto& [bytes, fd] : pending) {
    if (bytes <= limit_ && together <= kMostTogether * limit_) break;
    together -= bytes;
    Cut(fd, connections_.at(fd));
    connections_.erase(fd);
  }
}

// Not by shutdown: what comes after one is still read, so that a peer that never pauses is never at
// its end. ZeroMQ sees a connection that was reset, and drops what it has of a message.
void ConnectionWatch::Cut(int fd, const Connection& connection) {
  Ends ends;
  if (!ReadEnds(fd, ends) || !(ends == connection.ends)) return;
  num_cut_.fetch_add(1);
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  ::connect(fd, &nobody, sizeof(nobody));
  spdlog::warn("a connection was cut: it brought {} bytes and no whole message",
               connection.pending);
}

}  // namespace hotlap::transport
