// What takes bytes from anywhere, as functions that libFuzzer (fuzz_main.cc) and the corpus test
// run. A target aborts when a promise is broken; a step outside memory is the sanitizers' to see.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hotlap::fuzz {

using Bytes = std::vector<std::byte>;

struct Target {
  std::string_view name;  // also of its folder here, where inputs are kept that once broke it
  void (*run)(std::span<const std::byte> input);
  std::vector<Bytes> (*seeds)();  // well-formed inputs to begin with
};

std::span<const Target> Targets();

// Says what is broken and aborts unless it holds.
void Require(bool holds, std::string_view promise);

Bytes BytesOf(std::string_view text);
std::string_view TextOf(std::span<const std::byte> bytes);

// An input that is a list of messages: each has its length as two bytes, little-endian, in front;
// of a last one that is cut short there is what there is.
std::vector<std::span<const std::byte>> Messages(std::span<const std::byte> input);
Bytes Joined(std::span<const Bytes> messages);

// A file of the repository, and those of one of its folders that end with `extension`.
Bytes FileBytes(std::string_view path);
std::vector<Bytes> FolderBytes(std::string_view path, std::string_view extension);

// A file with these bytes, for what reads files: always the same one, in memory.
std::string WriteInput(std::span<const std::byte> bytes);

// The targets, by what they read.
void RunRequest(std::span<const std::byte> input);
void RunReply(std::span<const std::byte> input);
void RunServiceReply(std::span<const std::byte> input);
void RunArrayReply(std::span<const std::byte> input);
void RunZap(std::span<const std::byte> input);
void RunAddressList(std::span<const std::byte> input);
std::vector<Bytes> RequestSeeds(), ReplySeeds(), ServiceReplySeeds(), ArrayReplySeeds(), ZapSeeds(),
    AddressListSeeds();

void RunMessage(std::span<const std::byte> input);
void RunClient(std::span<const std::byte> input);
void RunServer(std::span<const std::byte> input);
void RunSimState(std::span<const std::byte> input);
void RunEventBuffer(std::span<const std::byte> input);
void RunInputScript(std::span<const std::byte> input);
std::vector<Bytes> MessageSeeds(), ClientSeeds(), ServerSeeds(), SimStateSeeds(),
    EventBufferSeeds(), InputScriptSeeds();

void RunEnvironmentConfig(std::span<const std::byte> input);
void RunTrackConfig(std::span<const std::byte> input);
void RunVehicleConfig(std::span<const std::byte> input);
void RunServerConfig(std::span<const std::byte> input);
void RunLine(std::span<const std::byte> input);
std::vector<Bytes> EnvironmentConfigSeeds(), TrackConfigSeeds(), VehicleConfigSeeds(),
    ServerConfigSeeds(), LineSeeds();

void RunSnapshot(std::span<const std::byte> input);
void RunWeights(std::span<const std::byte> input);
std::vector<Bytes> SnapshotSeeds(), WeightsSeeds();

void RunRecordedRun(std::span<const std::byte> input);
void RunScriptPolicy(std::span<const std::byte> input);
void RunTrainingConfig(std::span<const std::byte> input);
void RunTrainingLog(std::span<const std::byte> input);
void RunCheckpoint(std::span<const std::byte> input);
std::vector<Bytes> RecordedRunSeeds(), ScriptPolicySeeds(), TrainingConfigSeeds(),
    TrainingLogSeeds(), CheckpointSeeds();

}  // namespace hotlap::fuzz
