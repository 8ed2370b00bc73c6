// The signals that main() ignores: what they tell of, a write fails with. Programs that are executed do not
// inherit that.
#pragma once

#include <array>
#include <csignal>

namespace numadrift {

constexpr std::array kIgnoredSignals = {SIGPIPE, SIGXFSZ}; // a closed pipe; a file at the limit of file sizes

} // namespace numadrift
