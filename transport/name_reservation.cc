#include "transport/name_reservation.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "env/deadline.h"
#include "env/tminterface/mapped_buffer.h"

namespace hotlap::transport {
namespace {

constexpr std::chrono::milliseconds kLookEvery{20};

// Whether a living game, or somebody else's object, has the name now.
bool IsHeld(const std::string& name) {
  try {
    tminterface::MappedBuffer::Create(name);
    return false;
  } catch (const std::system_error&) {
    return true;
  }
}

}  // namespace

int NameReservation::Reserve(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The zero byte in front makes it abstract: no file, gone with the socket.
  const std::string path = "hotlap-" + std::to_string(geteuid()) + "-" + name;
  if (path.size() >= sizeof(address.sun_path)) {
    throw std::runtime_error(name + ": the name is too long");
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "socket");
  std::memcpy(address.sun_path + 1, path.data(), path.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return fd;
  const int error = errno;
  close(fd);
  if (error != EADDRINUSE) throw std::system_error(error, std::generic_category(), path);
  return -1;
}

NameReservation NameReservation::Of(const std::string& name) {
  const int fd = Reserve(name);
  if (fd < 0) throw std::runtime_error(name + ": belongs to another server");
  return {name, fd};
}

std::vector<NameReservation> NameReservation::Free(int count,
                                                   std::span<const std::string> candidates,
                                                   std::chrono::milliseconds patience) {
  std::vector<NameReservation> reserved;
  const auto missing = [&] { return static_cast<int>(reserved.size()) < count; };
  for (const Deadline deadline = DeadlineIn(patience);;) {
    for (const std::string& name : candidates) {
      if (!missing()) return reserved;
      if (std::ranges::find(reserved, name, &NameReservation::name) != reserved.end()) continue;
      const int fd = Reserve(name);
      if (fd < 0) continue;
      NameReservation reservation(name, fd);
      if (!IsHeld(name)) reserved.push_back(std::move(reservation));
    }
    if (!missing()) return reserved;
    if (Clock::now() >= deadline) break;
    std::this_thread::sleep_for(kLookEvery);
  }
  throw std::runtime_error(std::to_string(count) + " games are wanted, but only " +
                           std::to_string(reserved.size()) + " of " +
                           std::to_string(candidates.size()) + " names are free (" +
                           candidates.back() + " to " + candidates.front() + ")");
}

NameReservation::NameReservation(NameReservation&& other) noexcept
    : name_(std::move(other.name_)), socket_(std::exchange(other.socket_, -1)) {}

NameReservation::~NameReservation() {
  if (socket_ >= 0) close(socket_);
}

}  // namespace hotlap::transport
