// Settings of hotlap-serve, from YAML. configs/servers/default.yaml lists every key.
#pragma once

#include <filesystem>
#include <string>

#include "transport/catalogue.h"
#include "transport/game_pool.h"
#include "transport/server.h"

namespace hotlap::transport {

struct ServeConfig {
  ServerSettings server;
  GamePoolSettings
      games;  // its command, if none is configured, and its keeper are FillGameCommand's
  CataloguePaths paths;
  std::filesystem::path game_program;  // empty: hotlap-game beside hotlap-serve
  std::string game_speed = "max";      // of hotlap-game; real time is 1
  std::string log_level = "info";
  int log_lines = static_cast<int>(kMaxLogLines);  // the latest, kept for who asks
};

// Throws ConfigError naming file, line, key and what is allowed.
ServeConfig LoadServeConfig(const std::filesystem::path& file);

// Sets the port of every tcp endpoint. Throws std::runtime_error when there is none.
void SetPort(ServeConfig& config, int port);

// Sets the program that keeps the games, hotlap-keeper beside hotlap-serve, and unless it is
// configured the command that starts one: hotlap-game with the server's vehicle and any of its
// tracks (each attach loads its own). Throws std::runtime_error when a program is not there, or the
// path of a track is none that a game's console can take.
void FillGameCommand(ServeConfig& config, const Catalogue& catalogue);

}  // namespace hotlap::transport
