/* What the firmware tells of itself. Each function prints its reply without m-ready. */
#ifndef BITWAKE_APP_INFO_H
#define BITWAKE_APP_INFO_H

void bw_print_info(void);
void bw_print_layers(void);
void bw_print_memory(void);

#endif
