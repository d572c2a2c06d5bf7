#include "tests/fuzz/fuzz_target.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace hotlap::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr auto kTargets = std::to_array<Target>({
    {"request", RunRequest, RequestSeeds},
    {"reply", RunReply, ReplySeeds},
    {"service_reply", RunServiceReply, ServiceReplySeeds},
    {"array_reply", RunArrayReply, ArrayReplySeeds},
    {"zap", RunZap, ZapSeeds},
    {"address_list", RunAddressList, AddressListSeeds},
    {"message", RunMessage, MessageSeeds},
    {"client", RunClient, ClientSeeds},
    {"server", RunServer, ServerSeeds},
    {"sim_state", RunSimState, SimStateSeeds},
    {"event_buffer", RunEventBuffer, EventBufferSeeds},
    {"input_script", RunInputScript, InputScriptSeeds},
    {"environment_config", RunEnvironmentConfig, EnvironmentConfigSeeds},
    {"track_config", RunTrackConfig, TrackConfigSeeds},
    {"vehicle_config", RunVehicleConfig, VehicleConfigSeeds},
    {"server_config", RunServerConfig, ServerConfigSeeds},
    {"line", RunLine, LineSeeds},
    {"snapshot", RunSnapshot, SnapshotSeeds},
    {"weights", RunWeights, WeightsSeeds},
    {"recorded_run", RunRecordedRun, RecordedRunSeeds},
    {"script_policy", RunScriptPolicy, ScriptPolicySeeds},
    {"training_config", RunTrainingConfig, TrainingConfigSeeds},
    {"training_log", RunTrainingLog, TrainingLogSeeds},
    {"checkpoint", RunCheckpoint, CheckpointSeeds},
});

Bytes ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(path.string() + ": cannot be read");
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  return BytesOf(text);
}

fs::path InRepository(std::string_view path) { return fs::path(HOTLAP_SOURCE_DIR) / path; }

// Removed when the program ends; what is left in memory of one that was killed is small.
struct InputFile {
  InputFile() : path("/dev/shm/hotlap-fuzz-" + std::to_string(getpid())) {}
  ~InputFile() { unlink(path.c_str()); }
  std::string path;
};

}  // namespace

std::span<const Target> Targets() { return kTargets; }

void Require(bool holds, std::string_view promise) {
  if (holds) return;
  std::fprintf(stderr, "broken: %.*s\n", static_cast<int>(promise.size()), promise.data());
  std::abort();
}

Bytes BytesOf(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::span<const std::byte>> Messages(std::span<const std::byte> input) {
  std::vector<std::span<const std::byte>> messages;
  while (input.size() >= 2) {
    const auto low = std::to_integer<std::size_t>(input[0]);
    const std::size_t length = low | std::to_integer<std::size_t>(input[1]) << 8;
    input = input.subspan(2);
    messages.push_back(input.first(std::min(length, input.size())));
    input = input.subspan(messages.back().size());
  }
  return messages;
}

Bytes Joined(std::span<const Bytes> messages) {
  Bytes joined;
  for (const Bytes& message : messages) {
    joined.push_back(static_cast<std::byte>(message.size()));
    joined.push_back(static_cast<std::byte>(message.size() >> 8));
    joined.insert(joined.end(), message.begin(), message.end());
  }
  return joined;
}

Bytes FileBytes(std::string_view path) { return ReadFile(InRepository(path)); }

std::vector<Bytes> FolderBytes(std::string_view path, std::string_view extension) {
  std::vector<fs::path> files;
  if (!fs::exists(InRepository(path))) return {};
  for (const auto& entry : fs::directory_iterator(InRepository(path))) {
    if (entry.path().string().ends_with(extension)) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Bytes> bytes;
  bytes.reserve(files.size());
  for (const fs::path& file : files) bytes.push_back(ReadFile(file));
  return bytes;
}

std::string WriteInput(std::span<const std::byte> bytes) {
  static const InputFile file;
  std::ofstream out(file.path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  return file.path;
}

}  // namespace hotlap::fuzz
