/* Arm MPS2 with FPGA image AN500. */
#include "mps2.h"
