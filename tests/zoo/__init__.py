"""Real models on Rushlight: those of torchvision and timm, as their packages have them, compared with PyTorch."""
