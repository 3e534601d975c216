/* Where a firmware runs and how it was built: the first lines of p-info. */
#ifndef BITWAKE_APP_IDENTITY_H
#define BITWAKE_APP_IDENTITY_H

void bw_print_identity(void);

#endif
