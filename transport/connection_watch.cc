#include "transport/connection_watch.h"

#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/uninterrupted.h"

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookInterval = 50ms;
constexpr int kPatience = 4;  // looks

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

// Of the other end, as ZeroMQ writes it.
std::string AddressOf(const Ends& ends) {
  char text[NI_MAXHOST] = "";
  getnameinfo(reinterpret_cast<const sockaddr*>(&ends.remote), sizeof(ends.remote), text,
              sizeof(text), nullptr, 0, NI_NUMERICHOST);
  return text;
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
  std::string address;
  std::uint32_t completed = 0;  // as counted at the last look
  std::uint64_t base = 0;       // bytes received up to the last whole message
  std::uint64_t pending = 0;    // since then
  int looks_over = 0;           // its limit, one after the other
  std::uint64_t drained = 0;    // how often the socket was, at the first of those
};

ConnectionWatch::ConnectionWatch(zmq::context_t& context, zmq::socket_t& socket,
                                 const ConnectionLimits& limits, AccessLog* log,
                                 std::function<void()> wake)
    : limits_(limits),
      log_(log),
      wake_(std::move(wake)),
      events_(std::in_place, context, socket, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED),
      thread_([this] { Run(); }) {}

ConnectionWatch::~ConnectionWatch() { Stop(); }

void ConnectionWatch::Stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  wakeup_.Wake();
  thread_.join();
  events_.reset();
}

void ConnectionWatch::Complete(const zmq::message_t& frame) {
  const int fd = zmq_msg_get(frame.handle(), ZMQ_SRCFD);
  if (fd < 0 || static_cast<std::size_t>(fd) >= kMaxFiles) return;
  completed_[static_cast<std::size_t>(fd)].fetch_add(1, std::memory_order_relaxed);
}

void ConnectionWatch::Drained() { num_drained_.fetch_add(1, std::memory_order_relaxed); }

void ConnectionWatch::Condemn(const zmq::message_t& frame) {
  const int fd = zmq_msg_get(frame.handle(), ZMQ_SRCFD);
  if (fd < 0) return;
  {
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(condemned_, fd) != condemned_.end()) return;
    condemned_.push_back(fd);
  }
  wakeup_.Wake();
}

void ConnectionWatch::Run() {
  while (!stopping_.load()) {
    zmq::pollitem_t items[] = {{events_->handle(), 0, ZMQ_POLLIN, 0},
                               {nullptr, wakeup_.fd(), ZMQ_POLLIN, 0}};
    Poll(items, connections_.empty() ? kNoDeadline : DeadlineIn(kLookInterval));
    wakeup_.Take();
    TakeEvents();
    CutCondemned();
    Look();
  }
}

void ConnectionWatch::TakeEvents() {
  while (const auto event = events_->Next()) {
    const int fd = static_cast<int>(event->value);
    connections_.erase(fd);
    Connection connection;
    if (event->kind != ZMQ_EVENT_ACCEPTED || !ReadEnds(fd, connection.ends)) continue;
    connection.address = AddressOf(connection.ends);
    connection.completed = static_cast<std::size_t>(fd) < kMaxFiles
                               ? completed_[static_cast<std::size_t>(fd)].load()
                               : 0;
    connections_.emplace(fd, std::move(connection));
    if (connections_.size() > limits_.connections || static_cast<std::size_t>(fd) >= kMaxFiles) {
      Cut(fd, "there are too many");
    }
  }
}

void ConnectionWatch::CutCondemned() {
  std::vector<int> condemned;
  {
    const std::lock_guard lock(mutex_);
    condemned.swap(condemned_);
  }
  for (const int fd : condemned) {
    if (connections_.contains(fd)) Cut(fd, "its messages are not wanted");
  }
}

void ConnectionWatch::Look() {
  const std::uint64_t num_drained = num_drained_.load(std::memory_order_relaxed);
  std::uint64_t together = 0;
  std::vector<int> endless;
  bool wants_drained = false;
  for (auto& [fd, connection] : connections_) {
    const std::uint32_t completed =
        completed_[static_cast<std::size_t>(fd)].load(std::memory_order_relaxed);
    const std::uint64_t received = BytesReceived(fd);
    if (std::exchange(connection.completed, completed) != completed) connection.base = received;
    connection.pending = received - std::min(received, connection.base);
    together += connection.pending;
    if (connection.pending <= limits_.bytes) {
      connection.looks_over = 0;
      continue;
    }
    // It may be whole messages that nobody has read yet: they are waited for.
    if (connection.looks_over++ == 0) connection.drained = num_drained;
    const bool is_drained = num_drained > connection.drained;
    if (connection.looks_over > kPatience && is_drained) endless.push_back(fd);
    wants_drained |= !is_drained;
  }
  if (wants_drained) wake_();
  if (endless.empty() && together > kMostTogether * limits_.bytes) {
    std::map<std::string_view, std::uint64_t> by_address;
    for (const auto& [fd, connection] : connections_) {
      by_address[connection.address] += connection.pending;
    }
    const std::string_view address =
        std::ranges::max_element(by_address, {}, [](const auto& entry) {
          return entry.second;
        })->first;
    const auto held = [address](const auto& entry) {
      return entry.second.address == address ? entry.second.pending : 0;
    };
    endless.push_back(std::ranges::max_element(connections_, {}, held)->first);
  }
  for (const int fd : endless) Cut(fd, "it sends and sends, and no whole message comes of it");
}

// Not by shutdown: what comes after one is still read, so that a peer that never pauses is never at
// its end. ZeroMQ sees a connection that was reset, and drops what it has of a message.
void ConnectionWatch::Cut(int fd, const char* reason) {
  const auto node = connections_.extract(fd);
  const Connection& connection = node.mapped();
  Ends ends;
  if (!ReadEnds(fd, ends) || !(ends == connection.ends)) return;
  num_cut_.fetch_add(1);  // before the peer can know
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  static_cast<void>(::connect(fd, &nobody, sizeof(nobody)));
  spdlog::warn("a connection from {} was cut: {}", connection.address, reason);
  if (log_ != nullptr) log_->Write({.event = "cut", .address = connection.address});
}

}  // namespace hotlap::transport
