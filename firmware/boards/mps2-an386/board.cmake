# Arm MPS2 AN386: a Cortex-M4F. What differs from the other MPS2 boards; firmware/boards/mps2 holds the rest.
set(DESCRIPTION "Arm MPS2 AN386, Cortex-M4F, as QEMU emulates it")
set(CORE cortex-m4f)
set(core_flags -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16)

# Whose int8 kernels: a folder of firmware/nn/cores, or "portable".
set(KERNELS armv7em)

# Features cost what handlers/plan/cost.cpp says: it was measured on this board.
set(FEATURE_COST 1.0)

# Cycles of an average instruction, for estimates in milliseconds (handlers/plan/latency.hpp). Cycles published for
# MLPerf Tiny v1.1 on a NUCLEO-L4R5ZI (Cortex-M4F, 120 MHz, flash with wait states and an accelerator; microTVM with
# CMSIS-NN) over instructions counted for the same models with the same kernels on this emulator: keyword spotting
# 11.98 / 7.85 = 1.53, image classification 46.7 / 29.87 = 1.56, visual wake words 36.1 / 24.72 = 1.46, anomaly
# detection 1.033 / 0.582 = 1.77; typical is their mean.
set(CYCLES_LOW 1.46)
set(CYCLES_TYPICAL 1.58)
set(CYCLES_HIGH 1.77)
