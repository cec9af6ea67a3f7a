/* cli */
#include "cli/cli.h"
