// A policy by its name or from a file. A file is read once: what becomes of it later, while a
// training goes on writing its weights for instance, changes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agents/policy.h"
#include "env/tminterface/input_script.h"

namespace hotlap::agents {

class PolicySource {
 public:
  // One of PolicyNames(), or a file: weights (weights_file.h), a script or a recorded run
  // (script_policy.h). Throws std::invalid_argument on an unknown name, saying what is allowed;
  // that or std::runtime_error, naming the file, on one that is none.
  explicit PolicySource(const std::string& name);

  // Without the folders in which a file lies.
  std::string short_name() const;
  // Where it drives unless somebody says otherwise: of weights, where they were trained.
  std::string environment() const;
  // Of the environment that weights were trained for.
  std::optional<std::uint64_t> task_hash() const;

  // Throws std::invalid_argument or std::runtime_error where it does not fit the spec. `seed` is
  // for policies that draw; equal seeds give equal actions. `draws`: weights draw their actions
  // too, instead of taking the most likely ones; others throw.
  std::unique_ptr<Policy> Make(const EnvironmentSpec& spec, std::uint64_t seed,
                               bool draws = false) const;

 private:
  std::string name_;
  std::optional<nlohmann::json> weights_;
  std::optional<tminterface::InputScript> script_;
};

}  // namespace hotlap::agents
