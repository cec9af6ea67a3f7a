/* config */
#include "base/base.h"
