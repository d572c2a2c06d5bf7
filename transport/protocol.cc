#include "transport/protocol.h"

#include <sys/random.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>

#include "transport/header.h"
#include "transport/header_reader.h"
#include "transport/printable.h"

namespace hotlap::transport {
namespace {

struct OperationEntry {
  std::string_view name;
  int num_arrays;  // frames of a request behind its header
  bool is_on_rows;
  bool gives_batch;
  bool is_counted;
  std::string_view fields;  // beside v, op and id; each between spaces
};

// In the order of Operation. A row without all of its columns does not compile.
constexpr std::array<OperationEntry, kNumOperations> kOperations = {{
    // name, arrays, on rows, batch, counted, fields
    {"hello", 0, false, false, false,
     " key environment policy_hash task_hash capabilities nick timeout_ms resume "},
    {"spec", 0, false, false, true, " token environment settings "},
    {"attach", 1, false, false, true,
     " token environment settings policy_hash task_hash rows tracks kind autoreset observations "
     "info "
     "keep_every_m starts start_share wait_ms "},
    {"reset", 3, true, true, true, " token starts start_share "},
    {"step", 2, true, true, true, " token "},
    {"send", 2, true, false, true, " token "},
    {"recv", 0, true, true, true, " token count "},
    {"save", 1, true, false, true, " token "},
    {"restore", 1, true, true, true, " token "},
    {"branch", 1, true, true, true, " token row "},
    {"export", 1, false, false, true, " token "},
    {"import", 2, false, false, true, " token "},
    {"drop", 1, false, false, true, " token "},
    {"detach", 0, false, false, true, " token close "},
    {"ping", 0, false, false, false, " token round_trip_us "},
    {"sessions", 0, false, false, false, " token first "},
    {"instances", 0, false, false, false, " token first "},
    {"states", 1, false, false, false, " token "},
    {"logs", 0, false, false, false, " token since level "},
    {"stats", 0, false, false, false, " token "},
    {"track", 0, false, false, true, " token track "},
    {"messages", 0, false, false, false, " token since "},
    {"post_message", 0, false, false, true, " token text "},
    {"clear_messages", 0, false, false, true, " token admin_key "},
    {"announce", 0, false, false, true, " token admin_key text "},
    {"listen", 0, false, false, false, " token round_trip_us "},
    {"ack", 0, false, false, false, " token event "},
}};

static_assert(!kOperations.back().name.empty(), "an operation is not in the table");

constexpr std::array<std::string_view, 3> kKinds = {"simulated", "tminterface", "any"};
constexpr std::array<std::string_view, 4> kLogLevels = {"debug", "info", "warning", "error"};

// Of a request's array: more than any operation on rows needs.
constexpr std::size_t kBytesPerRow = 64;

constexpr std::uint64_t kMaxWaitMs = 600'000;  // of an attach, for games

constexpr std::array<std::string_view, 4> kStartPlaces = {"start", "checkpoints", "line",
                                                          "failures"};

const OperationEntry& Entry(Operation operation) {
  return kOperations[static_cast<std::size_t>(operation)];
}

bool HasField(const OperationEntry& entry, std::string_view name) {
  if (name == "v" || name == "op" || name == "id") return true;
  return name.find(' ') == std::string_view::npos && !name.empty() &&
         entry.fields.find(" " + std::string(name) + " ") != std::string_view::npos;
}

template <typename E>
void ReadChoice(HeaderReader& reader, const Header& header, std::string_view name,
                std::span<const std::string_view> choices, E& out) {
  const auto read = header.String(name, kMaxNameBytes);
  const auto found = read ? std::find(choices.begin(), choices.end(), *read) : choices.end();
  if (found != choices.end()) {
    out = static_cast<E>(found - choices.begin());
    return;
  }
  std::string wanted = "must be one of";
  for (const std::string_view choice : choices) wanted += " '" + std::string(choice) + "'";
  reader.Fail(name, wanted);
}

void ReadText(HeaderReader& reader, const Header& header, std::string_view name,
              std::size_t max_bytes, std::string& out) {
  reader.Keep(header.String(name, max_bytes), out);
  if (!IsPrintable(out)) reader.Fail(name, "must be UTF-8 without control characters");
}

// What a hello may ask for beside a session.
void ReadHandshake(HeaderReader& reader, const Header& header, Request& request) {
  if (reader.Has("capabilities")) {
    reader.Keep(header.Strings("capabilities", kMaxNameBytes), request.capabilities);
  }
  if (reader.Has("nick")) {
    ReadText(reader, header, "nick", kMaxNickBytes, request.nick);
  }
  if (reader.Has("timeout_ms")) {
    reader.Keep(header.Unsigned("timeout_ms", 1, INT32_MAX), request.timeout.emplace());
  }
  if (reader.Has("resume")) reader.Keep(header.Bool("resume"), request.resume);
}

// Of what a game server offers beside its games.
void ReadServiceFields(HeaderReader& reader, const Header& header, Request& request) {
  if (reader.Has("round_trip_us")) {
    reader.Keep(header.Unsigned("round_trip_us", 0, UINT32_MAX), request.round_trip_us.emplace());
  }
  if (reader.Has("first")) reader.Keep(header.Unsigned("first", 0, UINT64_MAX), request.first);
  if (reader.Has("since")) reader.Keep(header.Unsigned("since", 0, UINT64_MAX), request.since);
  if (reader.Has("level")) ReadChoice(reader, header, "level", kLogLevels, request.level);
  if (request.operation == Operation::kTrack) {
    reader.Keep(header.String("track", kMaxNameBytes), request.track);
  }
  const bool is_announce = request.operation == Operation::kAnnounce;
  if (request.operation == Operation::kPostMessage || is_announce) {
    ReadText(reader, header, "text", kMaxMessageBytes, request.text);
    if (request.text.empty()) reader.Fail("text", "must not be empty");
  }
  if (request.operation == Operation::kClearMessages || is_announce) {
    reader.Keep(header.String("admin_key", kMaxAdminKeyBytes), request.admin_key);
  }
  if (request.operation == Operation::kAck) {
    reader.Keep(header.Unsigned("event", 1, UINT64_MAX), request.event);
  }
}

// Fields of one operation; the header has only fields that it may have.
tl::expected<Request, std::string> ReadFields(const Header& header, Request request) {
  HeaderReader reader(header);
  const bool is_attach = request.operation == Operation::kAttach;
  if (request.operation == Operation::kHello) {
    reader.Binary("key", request.key);
    ReadHandshake(reader, header, request);
  } else if (request.operation != Operation::kPing || reader.Has("token")) {
    reader.Binary("token", request.token.emplace());
  }
  if (request.operation == Operation::kSpec || is_attach || reader.Has("environment")) {
    reader.Keep(header.String("environment", kMaxNameBytes), request.environment);
  }
  if (reader.Has("settings")) {
    reader.Keep(header.String("settings", kMaxSettingsBytes), request.settings);
  }
  if (reader.Has("policy_hash")) {
    reader.Keep(header.Unsigned("policy_hash", 0, UINT64_MAX), request.policy_hash.emplace());
  }
  if (reader.Has("task_hash")) {
    reader.Keep(header.Unsigned("task_hash", 0, UINT64_MAX), request.task_hash.emplace());
  }
  if (is_attach) {
    reader.Keep(header.Unsigned("rows", 1, kMaxRows), request.rows);
    reader.Keep(header.Strings("tracks", kMaxNameBytes), request.tracks);
    if (request.tracks.empty()) reader.Fail("tracks", "must name at least one track");
  }
  if (reader.Has("kind")) ReadChoice(reader, header, "kind", kKinds, request.kind);
  if (reader.Has("autoreset"))
    ReadChoice(reader, header, "autoreset", kAutoresetNames, request.autoreset);
  if (reader.Has("observations")) {
    ReadChoice(reader, header, "observations", kObservationTypeNames, request.observations);
  }
  if (reader.Has("info")) reader.Keep(header.Strings("info", kMaxNameBytes), request.info);
  if (reader.Has("wait_ms")) {
    reader.Keep(header.Unsigned("wait_ms", 0, kMaxWaitMs), request.wait);
  }
  if (reader.Has("keep_every_m")) {
    reader.Keep(header.Float("keep_every_m", 1, 10000), request.keep_every_m);
  }
  if (reader.Has("starts") || reader.Has("start_share")) {
    Starts& starts = request.starts.emplace();
    ReadChoice(reader, header, "starts", kStartPlaces, starts.at);
    if (reader.Has("start_share")) {
      reader.Keep(header.Float("start_share", 0, 1), starts.start_share);
    }
  }
  if (request.operation == Operation::kRecv) {
    reader.Keep(header.Unsigned("count", 1, kMaxRows), request.count);
  }
  if (request.operation == Operation::kBranch) {
    reader.Keep(header.Unsigned("row", 0, kMaxRows - 1), request.row);
  }
  if (reader.Has("close")) reader.Keep(header.Bool("close"), request.close);
  ReadServiceFields(reader, header, request);
  return reader.Finish(std::move(request));
}

void WriteServiceFields(HeaderWriter& writer, const Request& request) {
  if (request.round_trip_us) writer.Unsigned("round_trip_us", *request.round_trip_us);
  if (request.first != 0) writer.Unsigned("first", request.first);
  if (request.since != 0) writer.Unsigned("since", request.since);
  if (request.level != LogLevel::kDebug) writer.String("level", LogLevelName(request.level));
  if (request.operation == Operation::kTrack) writer.String("track", request.track);
  const bool is_announce = request.operation == Operation::kAnnounce;
  if (request.operation == Operation::kPostMessage || is_announce) {
    writer.String("text", request.text);
  }
  if (request.operation == Operation::kClearMessages || is_announce) {
    writer.String("admin_key", request.admin_key);
  }
  if (request.operation == Operation::kAck) writer.Unsigned("event", request.event);
}

}  // namespace

const char* OperationName(Operation operation) { return Entry(operation).name.data(); }
int NumRequestArrays(Operation operation) { return Entry(operation).num_arrays; }
bool IsOnRows(Operation operation) { return Entry(operation).is_on_rows; }
bool GivesBatch(Operation operation) { return Entry(operation).gives_batch; }
bool IsCounted(Operation operation) { return Entry(operation).is_counted; }

std::size_t MaxRequestFrameBytes(int max_rows, std::size_t max_transfer_bytes) {
  return std::max(kMaxRequestHeaderBytes + kBytesPerRow * static_cast<std::size_t>(max_rows),
                  max_transfer_bytes);
}

const char* GameKindName(GameKind kind) { return kKinds[static_cast<std::size_t>(kind)].data(); }

const char* AutoresetName(Autoreset autoreset) {
  return kAutoresetNames[static_cast<std::size_t>(autoreset)].data();
}

const char* ObservationTypeName(ObservationType type) {
  return kObservationTypeNames[static_cast<std::size_t>(type)].data();
}

const char* LogLevelName(LogLevel level) {
  return kLogLevels[static_cast<std::size_t>(level)].data();
}

Token RandomToken() {
  Token token;
  ssize_t got;
  do {
    got = getrandom(token.data(), token.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(token.size())) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return token;
}

tl::expected<Request, RequestRefusal> DecodeRequest(std::span<const std::byte> frame) {
  Request request;
  const auto refuse = [&](Status status, std::string text) {
    return tl::make_unexpected(RequestRefusal{request.id, {status, std::move(text)}});
  };
  if (frame.size() > kMaxRequestHeaderBytes) {
    return refuse(Status::kInvalidPacket, "the header is longer than 65536 bytes");
  }
  const auto header = Header::Parse(frame);
  if (!header) return refuse(Status::kInvalidPacket, header.error());

  if (const auto id = header->Unsigned("id", 0, UINT64_MAX)) {
    request.id = *id;
  } else {
    return refuse(Status::kInvalidPacket, id.error());
  }
  const auto version = header->Unsigned("v", 0, UINT64_MAX);
  if (!version) return refuse(Status::kInvalidPacket, version.error());
  if (*version != kProtocolVersion) {
    return refuse(Status::kWrongVersion, "field 'v' is " + std::to_string(*version) +
                                             ", the server speaks version " +
                                             std::to_string(kProtocolVersion));
  }
  const auto name = header->String("op", kMaxNameBytes);
  if (!name) return refuse(Status::kInvalidPacket, name.error());
  const auto entry = std::find_if(kOperations.begin(), kOperations.end(),
                                  [&](const OperationEntry& e) { return e.name == *name; });
  if (entry == kOperations.end()) {
    return refuse(Status::kUnknownOperation, "field 'op' names no operation: " + Quoted(*name));
  }
  request.operation = static_cast<Operation>(entry - kOperations.begin());
  for (const HeaderField& field : header->fields()) {
    if (!HasField(*entry, field.name)) {
      return refuse(Status::kInvalidPacket,
                    "field " + Quoted(field.name) + " is not one of '" + std::string(*name) + "'");
    }
  }
  auto read = ReadFields(*header, request);
  if (!read) return refuse(Status::kInvalidPacket, std::move(read.error()));
  // A spec may be counted or not.
  const bool is_counted = IsCounted(read->operation) && read->operation != Operation::kSpec;
  if (is_counted && read->id == 0) {
    return refuse(Status::kInvalidId, "field 'id' must be at least 1");
  }
  return *std::move(read);
}

Request RequestFor(Operation operation) {
  Request request;
  request.operation = operation;
  return request;
}

std::string EncodeRequest(const Request& request) {
  HeaderWriter writer;
  writer.Unsigned("v", kProtocolVersion)
      .String("op", Entry(request.operation).name)
      .Unsigned("id", request.id);
  if (request.token) writer.Bytes("token", *request.token);
  if (request.operation == Operation::kHello) writer.Bytes("key", request.key);
  if (!request.capabilities.empty()) writer.Strings("capabilities", request.capabilities);
  if (!request.nick.empty()) writer.String("nick", request.nick);
  if (request.timeout) {
    writer.Unsigned("timeout_ms", static_cast<std::uint64_t>(request.timeout->count()));
  }
  if (request.resume) writer.Bool("resume", true);
  if (!request.environment.empty()) writer.String("environment", request.environment);
  if (!request.settings.empty()) writer.String("settings", request.settings);
  if (request.policy_hash) writer.Unsigned("policy_hash", *request.policy_hash);
  if (request.task_hash) writer.Unsigned("task_hash", *request.task_hash);
  if (request.operation == Operation::kAttach) {
    writer.Unsigned("rows", static_cast<std::uint64_t>(request.rows))
        .Strings("tracks", request.tracks)
        .String("kind", GameKindName(request.kind))
        .String("autoreset", AutoresetName(request.autoreset));
    if (request.observations != ObservationType::kFloat32) {
      writer.String("observations", ObservationTypeName(request.observations));
    }
    if (!request.info.empty()) writer.Strings("info", request.info);
    if (request.wait.count() > 0) {
      writer.Unsigned("wait_ms", static_cast<std::uint64_t>(request.wait.count()));
    }
    if (request.keep_every_m != 0) writer.Float("keep_every_m", request.keep_every_m);
  }
  if (request.starts) {
    writer.String("starts", kStartPlaces[static_cast<std::size_t>(request.starts->at)])
        .Float("start_share", request.starts->start_share);
  }
  if (request.operation == Operation::kBranch) {
    writer.Unsigned("row", static_cast<std::uint64_t>(request.row));
  }
  if (request.operation == Operation::kRecv) {
    writer.Unsigned("count", static_cast<std::uint64_t>(request.count));
  }
  if (request.close) writer.Bool("close", true);
  WriteServiceFields(writer, request);
  return writer.Finish();
}

}  // namespace hotlap::transport
