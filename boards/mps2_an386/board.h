/* Arm MPS2 with FPGA image AN386. */
#include "mps2.h"
