// A recording while it goes on: events from the kernel into a sink, signals, the control socket, the
// progress line. Ends by a signal, by the clock, or with the targets.
#pragma once

#include "cli/child.h"
#include "control/control.h"
#include "flight/recorder.h"
#include "source/live/live.h"
#include "trace/sink.h"
#include "trigger/watch.h"

#include <chrono>
#include <optional>

namespace numadrift::cli {

// SIGINT, SIGTERM and SIGHUP end a session in order, SIGUSR2 triggers.
void catch_signals();
// A signal has asked for the end.
bool stop_asked();
// They are again what they always are.
void release_signals();

struct Session {
    trace::Sink* sink = nullptr;
    flight::Recorder* flight = nullptr; // the sink, if it is a flight recorder; else none
    trigger::Watch* watch = nullptr;    // what triggers it; none: nothing does by itself
    control::Server* control = nullptr; // none: nobody can speak to it
    Child* child = nullptr;             // the command that is recorded, if there is one
    std::optional<std::chrono::nanoseconds> duration;
};

// An error of the sink ends it too, and is the answer.
Status run(LiveSource& live, const Session& session);

} // namespace numadrift::cli
