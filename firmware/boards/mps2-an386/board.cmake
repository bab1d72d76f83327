# Arm MPS2 AN386: a Cortex-M4F. What differs from the other MPS2 boards; firmware/boards/mps2 holds the rest.
set(DESCRIPTION "Arm MPS2 AN386, Cortex-M4F, as QEMU emulates it")
set(CORE cortex-m4f)
set(core_flags -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16)

# Whose int8 kernels: a folder of firmware/nn/cores, or "portable".
set(KERNELS armv7em)

# Features cost what handlers/plan/cost.cpp says: it was measured on this board.
set(FEATURE_COST 1.0)

# Cycles of an average instruction, for estimates in milliseconds (handlers/plan/latency.hpp), from two sides.
# Measured: cycles published for MLPerf Tiny v1.1 on a NUCLEO-L4R5ZI (Cortex-M4F, 120 MHz, flash with wait states and an
# accelerator; microTVM with CMSIS-NN) over instructions counted for the same models with the same kernels on this emulator:
# keyword spotting 11.98 / 7.85 = 1.53, image classification 46.7 / 29.87 = 1.56, visual wake words 36.1 / 24.72 = 1.46,
# anomaly detection 1.033 / 0.582 = 1.77; their mean is 1.58.
# By the table of the core (DDI 0439, table 3-1: a load of n words n + 1 cycles, a taken branch 3), without wait states, our
# own inner loops: convolution, four taps, a load of 2 words, two of 3, 14 others and half of the loop's end, 27 cycles for 18
# instructions, 1.50; depthwise, two outputs, three loads and a store of 2 words, 14 others and a branch, 29 for 19, 1.53.
# So low is what the loops take at least; typical and high are measured, with a tenth for our longer loads where flash stalls.
set(CYCLES_LOW 1.50)
set(CYCLES_TYPICAL 1.70)
set(CYCLES_HIGH 1.95)
