// Keys of CURVE, with which ZeroMQ encrypts a connection and proves both ends, and their files. A
// file holds one key as 40 characters (Z85) and a line end: NAME.pub a public key, NAME.key a
// secret one, which nobody but its owner may read.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>
#include <zmq.hpp>

namespace hotlap::transport {

struct KeyPair {
  std::string public_key, secret_key;  // Z85
};

// What a client needs: the server's public key, which no other server can pass for, and its own.
struct ClientKeys {
  std::string server_key;  // Z85
  KeyPair own;
};

// All throw std::runtime_error: it names the file and what is wrong with it, or says that this
// libzmq was built without CURVE.
KeyPair MakeKeyPair();
std::string ReadPublicKey(const std::filesystem::path& file);
KeyPair ReadKeyPair(const std::filesystem::path& secret_file);
ClientKeys ReadClientKeys(const std::filesystem::path& server_public_file,
                          const std::filesystem::path& own_secret_file);

// Makes `directory` with server.key and server.pub, unless it has them already, and for each client
// a new NAME.key in it and a NAME.pub in its folder `clients`. Gives the files that it wrote. A
// file that is there is never overwritten: then, or when a name is not made of letters, digits,
// '.', '-' and '_', nothing is written.
std::vector<std::filesystem::path> GenerateKeys(const std::filesystem::path& directory,
                                                std::span<const std::string> clients);

// What encryption adds to a frame at most.
inline constexpr std::size_t kCurveFrameBytes = 64;

std::string ToZ85(std::span<const std::byte> key);  // REQUIRES: 32 bytes

// Before the socket connects.
void UseKeys(zmq::socket_t& socket, const ClientKeys& keys);

}  // namespace hotlap::transport
