// The ring of raw samples, apart from those of events: what overflows here takes nothing from
// them.
#pragma once

#include "sampling/decoder.h"

#include <functional>
#include <memory>

struct ring_buffer;

namespace numadrift::live {

class SampleRing {
public:
    using Sink = std::function<void(const sampling::RawSample&)>;

    // Reads the ring with this descriptor. Null where it cannot be read.
    static std::unique_ptr<SampleRing> open(int fd, Sink sink);
    ~SampleRing();

    // Hands over what has been submitted, at most `most` a call. True: there may be more.
    bool drain(std::size_t most);

private:
    explicit SampleRing(Sink sink) : sink_(std::move(sink)) {}
    static int on_record(void* self, void* data, std::size_t bytes);

    Sink sink_;
    ring_buffer* reader_ = nullptr;
    std::size_t room_ = 0;
};

} // namespace numadrift::live
