#include "source/live/sample_ring.h"

#include "source/live/kernel_side.h"

#include <algorithm>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>

namespace numadrift::live {

static_assert(ND_CODE_BYTES == sampling::kCodeBytes);
static_assert(sizeof(nd_sample::registers) == sampling::kRegisters * sizeof(u64));

std::unique_ptr<SampleRing> SampleRing::open(int fd, Sink sink) {
    if (fd < 0) return nullptr;
    std::unique_ptr<SampleRing> ring(new SampleRing(std::move(sink)));
    ring->reader_ = ring_buffer__new(fd, on_record, ring.get(), nullptr);
    return ring->reader_ ? std::move(ring) : nullptr;
}

SampleRing::~SampleRing() {
    ring_buffer__free(reader_);
}

int SampleRing::on_record(void* self, void* data, std::size_t bytes) {
    auto& ring = *static_cast<SampleRing*>(self);
    nd_sample wire;
    if (bytes < sizeof wire) return 0;
    std::memcpy(&wire, data, sizeof wire);
    sampling::RawSample sample;
    sample.time_ns = wire.time_ns;
    sample.pid = wire.pid;
    sample.tid = wire.tid;
    sample.ip = wire.ip;
    std::copy(std::begin(wire.registers), std::end(wire.registers), sample.registers.begin());
    sample.user_sp = wire.user_sp;
    sample.where = wire.where == ND_SAMPLED_USER    ? sampling::Where::user
                   : wire.where == ND_SAMPLED_FAULT ? sampling::Where::fault
                                                    : sampling::Where::kernel;
    sample.code_before = wire.code_before;
    sample.code_bytes = std::min<u32>(wire.code_bytes, ND_CODE_BYTES);
    std::copy_n(std::begin(wire.code), sample.code_bytes, sample.code.begin());
    ring.sink_(sample);
    return --ring.room_ == 0 ? -EAGAIN : 0;
}

bool SampleRing::drain(std::size_t most) {
    room_ = most;
    ring_buffer__consume(reader_);
    return room_ == 0;
}

} // namespace numadrift::live
