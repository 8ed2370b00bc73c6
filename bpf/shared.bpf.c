// SPDX-License-Identifier: GPL-2.0-only
/* Defines what observe.bpf.h declares for all hook families. */
#include "observe.bpf.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct nd_settings settings = {};
u8 targets[ND_MAX_PIDS];
/* Not in .bss: see cpu_going_down. */
SEC(".data.slice") u32 fault_slice = 1;
SEC(".data.slice") u64 fault_slice_end_ns = 0;
