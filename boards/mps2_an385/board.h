/* Arm MPS2 with FPGA image AN385. */
#include "mps2.h"
