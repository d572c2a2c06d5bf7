// How the server answers: one number in every reply. docs/protocol.md has the same table with what
// a client should do. Wire values: never change a number; new ones go on downwards from the last.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace hotlap::transport {

enum class Status : std::int32_t {
  kOk = 0,
  kServerFull = -1,         // no session, or not as many free games as asked for
  kInvalidPacket = -3,      // the header cannot be read: msgpack, a field's type or range, sizes
  kInvalidId = -20,         // a request id of 0, or a snapshot id that names nothing (any more)
  kInvalidKey = -21,        // the token is of no living session
  kAlreadyConnected = -22,  // hello again with the key of a session that is in use
  kPermissionDenied = -40,  // a snapshot of another session; the administrator's key is another
  kStale = -60,             // an id older than the replies that are kept
  kGap = -61,               // an id that leaves one out
  kBusy = -62,              // more requests in flight than the window
  kNotAttached = -63,       // the session has no environments
  kAlreadyAttached = -64,   // the session has environments
  kBadArgument = -65,       // a field or array that does not fit what is attached or offered
  kWrongVersion = -66,      // `v` is not the server's protocol version
  kSpecMismatch = -67,      // the environment's policy hash is another
  kUnknownEnvironment = -68,
  kUnknownTrack = -69,
  kUnknownOperation = -70,
  kShuttingDown = -71,
  kTooOften = -74,       // more than a session may do of it for now
  kTimedOut = -100,      // given by a client to itself when its deadline has passed; never sent
  kServerLost = -101,    // likewise, when the server has not answered for the session's timeout
  kUnknownError = -127,  // a fault of the server; its log says more
};

const char* StatusName(Status status);  // "ok", "server_full", ...; "unknown" for foreign numbers

// Whether a request that was refused so has used up its id. (An id of 0 does not, but nobody who
// asks this sends one.)
bool UsesUpId(Status status);

// Why a request is refused; `text` names the field.
struct Refusal {
  Status status = Status::kUnknownError;
  std::string text;
};

// In place of a result.
inline tl::unexpected<Refusal> Refuse(Status status, std::string text) {
  return tl::make_unexpected(Refusal{status, std::move(text)});
}

// Foreign bytes made fit for an error text or a log: printable, short, in quotes.
std::string Quoted(std::string_view foreign);

}  // namespace hotlap::transport
