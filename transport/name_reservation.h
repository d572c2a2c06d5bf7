// Names of mapped buffers that a server means to use, so that two servers starting at once do not
// choose the same ones. A game holds its name only once it runs; a reservation holds it for its
// server all the time, and ends with the process however that ends.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace hotlap::transport {

class NameReservation {
 public:
  // This name. Throws std::runtime_error when another server has reserved it or it is too long for
  // a socket's address (64 bytes are not).
  static NameReservation Of(const std::string& name);
  // The first `count` of the candidates that no server has reserved and no game holds. Waits for
  // those that are missing: the games of a killed server hold theirs for a moment more. Throws
  // std::runtime_error when there are not as many by then.
  static std::vector<NameReservation> Free(int count, std::span<const std::string> candidates,
                                           std::chrono::milliseconds patience);

  NameReservation(NameReservation&& other) noexcept;
  NameReservation& operator=(NameReservation&& other) = delete;
  ~NameReservation();

  const std::string& name() const { return name_; }

 private:
  NameReservation(std::string name, int socket) : name_(std::move(name)), socket_(socket) {}
  static int Reserve(const std::string& name);  // -1: another server has it

  std::string name_;
  int socket_;  // bound to an abstract address made from the name
};

}  // namespace hotlap::transport
