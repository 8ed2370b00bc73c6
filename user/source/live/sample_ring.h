// The ring of raw samples, apart from those of events: what overflows here takes nothing from
// them.
#pragma once

#include "sampling/sampler.h"

#include <functional>
#include <memory>

struct ring_buffer;

namespace numadrift::live {

class SampleRing {
public:
    // Where records go: those the kernel side has worked out, and those with code it does not know.
    struct Sinks {
        std::function<void(const sampling::RawSample&)> raw;
        std::function<void(const sampling::Answer&)> answered;
    };

    // Reads the ring with this descriptor. Null where it cannot be read.
    static std::unique_ptr<SampleRing> open(int fd, Sinks sinks);
    ~SampleRing();

    // Hands over what has been submitted, at most `most` a call. True: there may be more.
    bool drain(std::size_t most);

private:
    explicit SampleRing(Sinks sinks) : sinks_(std::move(sinks)) {}
    static int on_record(void* self, void* data, std::size_t bytes);

    Sinks sinks_;
    ring_buffer* reader_ = nullptr;
    std::size_t room_ = 0;
};

} // namespace numadrift::live
