#include "source/live/sample_ring.h"

#include "source/live/kernel_side.h"

#include <algorithm>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>

namespace numadrift::live {

static_assert(ND_CODE_BYTES == sampling::kCodeBytes);
static_assert(sizeof(nd_sample::registers) == sampling::kRegisters * sizeof(u64));

std::unique_ptr<SampleRing> SampleRing::open(int fd, Sinks sinks) {
    if (fd < 0) return nullptr;
    std::unique_ptr<SampleRing> ring(new SampleRing(std::move(sinks)));
    ring->reader_ = ring_buffer__new(fd, on_record, ring.get(), nullptr);
    return ring->reader_ ? std::move(ring) : nullptr;
}

SampleRing::~SampleRing() {
    ring_buffer__free(reader_);
}

namespace {

sampling::Where where_of(std::uint32_t where) {
    switch (where) {
    case ND_SAMPLED_USER: return sampling::Where::user;
    case ND_SAMPLED_FAULT: return sampling::Where::fault;
    default: return sampling::Where::kernel;
    }
}

sampling::Answer answer_of(const nd_answer& wire) {
    return {wire.time_ns,
            wire.pid,
            wire.tid,
            wire.address,
            sampling::kind_of(wire.kind),
            where_of(wire.where),
            wire.node >= 0 ? Node{wire.node} : kNoNode,
            wire.is_code != 0,
            wire.node == ND_WALK_FAILED};
}

sampling::RawSample raw_of(const nd_sample& wire) {
    sampling::RawSample sample;
    sample.time_ns = wire.time_ns;
    sample.pid = wire.pid;
    sample.tid = wire.tid;
    sample.ip = wire.ip;
    std::copy(std::begin(wire.registers), std::end(wire.registers), sample.registers.begin());
    sample.stack = wire.stack;
    sample.where = where_of(wire.where);
    sample.code_before = wire.code_before;
    sample.code_bytes = std::min<u32>(wire.code_bytes, ND_CODE_BYTES);
    std::copy(std::begin(wire.code), std::end(wire.code), sample.code.begin());
    return sample;
}

} // namespace

int SampleRing::on_record(void* self, void* data, std::size_t bytes) {
    auto& ring = *static_cast<SampleRing*>(self);
    if (bytes == sizeof(nd_answer)) {
        nd_answer wire;
        std::memcpy(&wire, data, sizeof wire);
        ring.sinks_.answered(answer_of(wire));
    } else if (bytes == sizeof(nd_sample)) {
        nd_sample wire;
        std::memcpy(&wire, data, sizeof wire);
        ring.sinks_.raw(raw_of(wire));
    }
    return --ring.room_ == 0 ? -EAGAIN : 0;
}

bool SampleRing::drain(std::size_t most) {
    room_ = most;
    ring_buffer__consume(reader_);
    return room_ == 0;
}

} // namespace numadrift::live
